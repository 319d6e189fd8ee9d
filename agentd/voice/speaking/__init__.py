"""Who has the floor, and what is heard of what is said."""
