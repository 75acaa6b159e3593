"""The way of a request: a bounded queue, decoding threads, the batcher."""
