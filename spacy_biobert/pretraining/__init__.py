"""Making an encoder from another: its vocabulary cut to a field's own words."""
