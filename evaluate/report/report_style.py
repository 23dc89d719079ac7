"""What every report has in common: its look, and what its words mean."""

STYLE = """
:root {
  --ground: #f4f5f7; --surface: #fff; --ink: #1b1f24; --soft: #59636e; --line: #d8dde3; --accent: #0b62a8;
  --notice: #fff6e0; --notice-line: #e0b54a;
  --curve-1: #0072b2; --curve-2: #d55e00; --curve-3: #008f68; --curve-4: #b8578f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101418; --surface: #191f25; --ink: #e6eaee; --soft: #a0abb6; --line: #333c45; --accent: #6cb4ee;
    --notice: #2c2615; --notice-line: #8a6d24;
    --curve-1: #56b4e9; --curve-2: #e69f00; --curve-3: #2fc493; --curve-4: #e090bd;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 1240px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 32px; }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; }
h1 { font-size: 2rem; margin: 0 0 8px; }
h2 { font-size: 1.4rem; margin: 0 0 8px; }
h3 { font-size: 1.05rem; margin: 28px 0 8px; }
p, dd, li { max-width: 75ch; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0; padding: 0; list-style: none; }
small, .soft, figcaption { color: var(--soft); }
.notice { background: var(--notice); border: 1px solid var(--notice-line); border-radius: 8px; padding: 10px 14px;
  max-width: none; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px;
  margin: 20px 0; }
.cards, .shorts { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; min-width: 0; }
.card h3 { margin: 0 0 10px; }
.card h4 { font-size: 0.95rem; margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.card p { margin: 2px 0; }
.headline b { font-size: 1.7rem; line-height: 1.2; margin-right: 6px; }
.scroll { overflow-x: auto; margin: 16px 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 6px; }
th, td { text-align: left; vertical-align: top; padding: 6px 18px 6px 0; border-top: 1px solid var(--line); }
thead th, thead td { border-top: 0; vertical-align: bottom; color: var(--soft); font-size: 0.9rem; }
thead th { overflow-wrap: anywhere; min-width: 8em; }
th[scope=row] { font-weight: 500; min-width: 8.5em; }
td b { font-weight: 600; white-space: nowrap; }
td small, th small { display: block; font-weight: 400; }
td small { white-space: nowrap; }
.beside { display: grid; gap: 24px 32px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr));
  align-items: start; }
figure { margin: 0; min-width: 0; }
figure > svg { display: block; width: 100%; max-width: 500px; height: auto; stroke-linejoin: round; }
figure > svg text { font-family: system-ui, sans-serif !important; }
figcaption { font-size: 0.9rem; margin-top: 6px; max-width: 500px; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); }
.pairs { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); margin: 12px 0;
  padding: 0; list-style: none; }
.pairs img { display: block; width: 100%; height: auto; border-radius: 4px; }
.pairs figcaption { margin-top: 2px; }
pre { background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
td code { overflow-wrap: anywhere; }
dl { columns: 28em; column-gap: 40px; margin: 0; }
dl div { break-inside: avoid; padding-bottom: 12px; }
dt { font-weight: 600; }
dd { margin: 2px 0 0; }
@media (max-width: 600px) {
  header { padding-top: 20px; }
  h1 { font-size: 1.6rem; }
  section { padding: 16px 12px; margin: 14px -16px; border-width: 1px 0; border-radius: 0; }
}
@media print {
  body { background: none; }
  section { border: 0; padding: 0; }
  figure, tr, .card { break-inside: avoid; }
}
"""

# Word → its explanation.
WORDS = {
    "Similarity and threshold": "The network turns each face into a vector. The similarity of two faces is the cosine "
    "of the angle between their vectors: from −1 to 1, larger for faces that are more alike. Two faces count as the "
    "same person when their similarity is at or above the threshold.",
    "False match rate (FMR)": "The share of pairs of different people that are taken for the same person. The lower "
    "the rate that a use asks for, the higher the threshold.",
    "False non-match rate (FNMR)": "The share of pairs of the same person that are not recognised at that threshold. "
    "With failures counted, a face that could not be acquired counts as not recognised.",
    "True acceptance rate (TAR)": "The share of pairs of the same person that are recognised: what the false non-match "
    "rate leaves.",
    "Accuracy, 10 folds": "The figure of the literature on LFW and its kin: the pairs are split into ten parts, and on "
    "each part the threshold is applied that decides best on the other nine. It weighs both kinds of error alike, at a "
    "threshold made for this set; what a network will do in use is told by the error rates at the threshold in use.",
    "Equal error rate (EER)": "The error at the threshold where false matches and false non-matches are equally "
    "frequent.",
    "Area under the ROC curve": "The chance that a pair of the same person is more similar than a pair of different "
    "people: 1 is perfect, 0.5 is guessing.",
    "Failure to acquire (FTA)": "The share of pictures that gave no face to compare: none was found, or the file can't "
    "be read.",
    "Intervals": "Every interval is one of 95 %. It is made by drawing the people of the set anew many times (a "
    "bootstrap over people), as pairs that share a person are not independent; where few errors were seen, it is made "
    "as wide as independent trials would leave it. It tells how much the figure depends on who happens to be in the "
    "set, not how it changes with other cameras, ages or places. Where the intervals of two models overlap "
    "widely, the set may not tell which is better.",
    "No error seen": "No error among the pairs doesn't mean a rate of zero: by the rule of three it may be as high as "
    "3 / n. Two people who look alike do so in all their pictures, so n is the number of different pairs of people "
    "(for the false non-match rate, of people), not of pairs of pictures. A false match rate of 1 in 1,000 is given "
    "only where there are at least 3,000 pairs of pictures of different people.",
    "ROC and DET curve": "Both show the trade-off as the threshold moves. ROC: the share of pairs of the same person "
    "that are recognised, over the false match rate; higher is better. DET: both error rates, on axes that spread the "
    "small ones; lower is better, and on the dotted line both are equal. Bands are intervals.",
    "Degraded pictures": "The second picture of each pair is blurred, darkened, covered or otherwise spoilt, and "
    "compared with the first as it is. The change is that of accuracy against the clean pictures, in percentage "
    "points.",
}
