"""Safety of `eva chat`: detecting messages about danger, referring the person, and measuring detection."""
