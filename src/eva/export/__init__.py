"""Taking a model out of EVA: plain folders for other programs, with the digests of all their files."""
