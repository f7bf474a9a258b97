"""What a conversation must not be left to a model for: detection, referral, and how well detection works."""
