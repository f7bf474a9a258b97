"""One thin module a DVC stage: read inputs, make one library call, write files, log the run."""
