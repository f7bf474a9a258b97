"""Reading of the corpora in the formats of their authors, and the `Dialogue` type that all of them become."""
