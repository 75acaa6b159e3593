"""Many trained tasks served by one frozen backbone, without HTTP (`lpt.serving.http` adds it).

    image -> decode pool -> batch of mixed tasks -> engine -> answer

`lpt.serving.service.Service` is the door; `lpt.serving.engine.Engine` computes a batch.
"""
