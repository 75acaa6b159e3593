"""Load on a service for longer than a test may take, with every answer checked.

    python -m tools.serving_soak --requests 100000 --cycles 10000 --overload 60 --slow 500

Mixed:     clients ask 100 tasks at random while tasks are replaced, evicted and loaded again.
           Every class is named after its task and version, and the probabilities must be those that
           this version gives to this image: an answer from another task or version is noticed.
Cycles:    a task is loaded and unloaded again and again; memory, threads and descriptors must end
           where they were.
Overload:  ten times as many requests as the service can compute; the queue stays within its bound,
           refusals are fast, deadlines are kept, and every request ends exactly once.
Slow:      clients that send a byte per second hold connections; the others must not notice.
"""
