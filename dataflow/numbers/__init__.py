"""Number formats: how wide numbers are, how they are rounded, and which tensor has which."""
