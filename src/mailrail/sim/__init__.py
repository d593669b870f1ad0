"""Floor 5 · sim — mailrail in a make-believe world: its own time, network and names, from a seed."""
