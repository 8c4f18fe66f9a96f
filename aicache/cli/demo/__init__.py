"""`aicache demo`: a real request trace replayed through a real cache, on virtual time."""
