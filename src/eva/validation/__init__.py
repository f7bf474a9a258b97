"""Parts of the validation gate: what is measured, what is required, what the page shows."""
