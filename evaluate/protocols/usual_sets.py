"""The verification sets that face recognition reports, by the names of their files."""

TARGETS = ("lfw", "calfw", "cplfw", "cfp_fp", "agedb_30")
