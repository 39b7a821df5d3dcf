"""What ``explore`` is made of: its stages, what an audit finds, and the map."""
