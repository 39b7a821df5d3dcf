"""What ``evaluate`` is made of: photos, their views, the domain gap, corruptions."""
