"""aicache: a pluggable, tiered cache for answers that are slow and cost money."""
