"""What a run will take, before it begins: parameters, memory, disk and time."""
