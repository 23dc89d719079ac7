"""What `sface eval` compares: the sets of each protocol, seen by every network."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...align.crop_batches import crop_batches
from ...errors import DataError, ImageError, SFaceError
from ...output import Output
from ...progress import progress
from ..networks_under_test import BATCH, Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..evaluated import Pictures
    from ..figures.comparisons import Comparisons
    from ..figures.figures import RobustnessRow
    from ..identification.identification_figures import Identification
    from .bin_sets import BinSet
    from .photo_pairs import PhotoPairs

PHOTOS = ("lfw-photos", "folders", "pairs")  # protocols


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A set as a network sees it; fields as of `EvaluatedSet`."""

    comparisons: "Comparisons"
    pictures: "Pictures | None" = None
    robustness: "tuple[RobustnessRow, ...]" = ()


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """All sets, or all identifications, of one network; errors: of sets that could not be compared."""

    sets: list[Seen] = field(default_factory=list)
    errors: list[SFaceError] = field(default_factory=list)
    identifications: "list[Identification]" = field(default_factory=list)


def detector_name(args: argparse.Namespace) -> str:
    """What finds the faces; "aligned" where none is looked for."""
    if args.aligned or args.protocol not in PHOTOS:
        return "aligned"
    from ...align.detectors.detector import load_detector

    return load_detector(args.detector).name


def compare_bins(networks: Sequence[Network], args: argparse.Namespace, output: Output) -> list[Compared]:
    """NAME.bin of each name of --target."""
    from .bin_sets import open_sets
    from .usual_sets import TARGETS

    sets = open_sets(args.data, args.target, networks[0].metadata.input_size)
    if not sets:
        usual = ", ".join(f"{name}.bin" for name in TARGETS)
        raise DataError(
            f"holds none of {usual}",
            path=args.data,
            remedy="name other sets with --target, or what the folder holds with --protocol",
        )
    return [_compare_sets(network, sets, args, output) for network in networks]


def _compare_sets(network: Network, sets: "Sequence[BinSet]", args: argparse.Namespace, output: Output) -> Compared:
    """A damaged set is an error beside the others, which took hours."""
    compared = Compared()
    for opened in sets:
        try:
            compared.sets.append(_compare_bin(network, opened, args, output))
        except (DataError, ImageError) as error:
            compared.errors.append(error)
    return compared


def _compare_bin(network: Network, bin_set: "BinSet", args: argparse.Namespace, output: Output) -> Seen:
    from .bin_comparisons import compare_bin

    def pictures(pair: int) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
        first, second = bin_set.images(pair, pair + 1)
        return first, second

    with progress(len(bin_set), f"pairs of {bin_set.name}", output) as advance:
        comparisons = compare_bin(network.embed, bin_set, flip=args.flip, batch=BATCH, advance=advance)
    if not args.robustness:
        return Seen(comparisons, pictures)
    from ..robustness.robustness import robustness

    with progress(len(bin_set), f"pairs of {bin_set.name}, degraded", output) as advance:
        rows = robustness(network.embed, bin_set, comparisons, flip=args.flip, batch=BATCH, advance=advance)
    return Seen(comparisons, pictures, rows)


def compare_photos(networks: Sequence[Network], args: argparse.Namespace, output: Output) -> list[Compared]:
    """Pairs of photos, each photo read and searched for a face once, for all networks."""
    from ...align.photo_crops import read_crop
    from ...align.photo_shards import open_reader

    size = networks[0].metadata.input_size
    reader = open_reader(args.detector, "best", size, aligned=args.aligned)  # its errors come now
    pairs = _open_pairs(args)
    units = _embed_photos(networks, pairs.photos, args, output)

    def pictures(pair: int) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]] | None":
        first, second = (read_crop(reader, pairs.photos[photo]) for photo in pairs.pairs[pair])
        return None if isinstance(first, SFaceError) or isinstance(second, SFaceError) else (first, second)

    def seen(of_network: "NDArray[np.float32]") -> Compared:
        return Compared([Seen(pairs.compare(of_network), pictures)])

    return [seen(of_network) for of_network in units]


def _open_pairs(args: argparse.Namespace) -> "PhotoPairs":
    from ..figures.pairs import LIMIT
    from .lfw_photos import open_lfw
    from .pair_list import open_list
    from .person_folders import open_folders

    named = args.list
    if named is not None and not named.exists() and (args.data / named).exists():
        named = args.data / named
    if args.protocol == "lfw-photos":
        return open_lfw(args.data, named)
    if args.protocol == "pairs":
        return open_list(named or args.data / "pairs.csv", args.data)
    return open_folders(args.data, limit=LIMIT if args.pairs is None else args.pairs)


def _embed_photos(
    networks: Sequence[Network], photos: Sequence[Path], args: argparse.Namespace, output: Output
) -> "list[NDArray[np.float32]]":
    """Unit embeddings (N, D) of each network, NaN for photos without a face that could be used.

    Raises NoFaceError or DataError where that is all of them.
    """
    import numpy as np

    from ...align.photo_crops import crops_ahead
    from ...align.photo_shards import LeftOut, in_words, none_left
    from ..figures.metrics import unit_rows
    from ..verification import raw_embeddings

    size = networks[0].metadata.input_size
    units = [np.full((len(photos), network.metadata.embedding_size), np.nan, dtype=np.float32) for network in networks]
    failures: dict[int, SFaceError] = {}
    with (
        progress(len(photos), "photos", output) as advance,
        crops_ahead(photos, size, detector=args.detector, aligned=args.aligned) as read,
    ):
        for rows, crops in crop_batches(read, BATCH, failures, advance):
            for network, of_network in zip(networks, units, strict=True):
                where = str(network.path)
                raw, _ = raw_embeddings(network.embed, crops, where, batch=len(crops), flip=args.flip)
                of_network[rows] = unit_rows(raw)
    left_out = [
        LeftOut(str(photos[row]), error.code, " ".join(str(error).removeprefix(f"{photos[row]}: ").split()))
        for row, error in failures.items()
    ]
    if len(left_out) == len(photos):
        raise none_left(left_out)
    if left_out:
        output.note(in_words(Counter(photo.code for photo in left_out)))
    return units


def compare_templates(networks: Sequence[Network], args: argparse.Namespace, output: Output) -> list[Compared]:
    """IJB-C 1:1."""
    from .ijbc import compare_ijbc
    from .ijbc_lists import open_ijbc

    lists = open_ijbc(args.data)
    compared = []
    for network in networks:
        with progress(len(lists.names), "pictures", output) as advance:
            size = network.metadata.input_size
            seen = compare_ijbc(network.embed, lists, size=size, flip=args.flip, batch=BATCH, advance=advance)
        compared.append(Compared([Seen(seen)]))
    return compared


def identify_people(networks: Sequence[Network], args: argparse.Namespace, output: Output) -> list[Compared]:
    """MegaFace."""
    from ..identification.megaface import identify
    from ..identification.megaface_lists import open_megaface

    lists = open_megaface(args.data)
    compared = []
    for network in networks:
        with progress(len(lists.probes) + len(lists.distractors), "pictures", output) as advance:
            size = network.metadata.input_size
            found = identify(network.embed, lists, size=size, flip=args.flip, batch=BATCH, advance=advance)
        compared.append(Compared(identifications=[found]))
    return compared
