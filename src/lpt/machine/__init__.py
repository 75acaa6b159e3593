"""The machine that a process runs on: devices, memory, threads, processes, random generators."""
