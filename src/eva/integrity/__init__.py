"""The checks of `eva verify`: whether stored files still have the content that was written."""
