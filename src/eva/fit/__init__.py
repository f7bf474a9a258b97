"""What a set of parameters costs on a machine, before anything trains: time, memory, disk."""
