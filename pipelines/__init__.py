"""One module per DVC stage: it reads inputs, calls the library, writes files and logs the run."""
