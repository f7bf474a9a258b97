"""What the stores outside of DVC hold, what of it is still needed, and making room."""
