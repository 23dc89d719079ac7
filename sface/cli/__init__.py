"""One thin file per verb: parse, call the rooms, print."""
