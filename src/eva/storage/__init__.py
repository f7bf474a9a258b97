"""The stores outside of DVC: what they hold, what is still needed, and freeing disk space."""
