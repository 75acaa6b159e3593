"""Measures can be scraped, and their labels are bounded."""

from prometheus_client.parser import text_string_to_metric_families

from lpt.serving.http import ServerMetrics


def scraped(client) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (one.name, tuple(one.labels.values())): one.value
        for family in families
        for one in family.samples
    }


def test_requests_are_counted_by_route_and_status(client):
    client.post("/v1/tasks/insects/predict", content=b"image:0")
    for i in range(50):
        client.get(f"/guess/{i}")
        client.post(f"/v1/tasks/guess{i}/predict", content=b"image:0")
        client.request(f"BREW{i}", "/v1/tasks")
    found = scraped(client)
    predict = "/v1/tasks/{task}/predict"
    assert found["lpt_http_requests_total", ("POST", predict, "200")] == 1
    assert found["lpt_http_requests_total", ("POST", predict, "404")] == 50
    assert found["lpt_http_requests_total", ("GET", "other", "404")] == 50
    assert sum(name == "lpt_http_requests_total" for name, _ in found) <= 6


def test_the_observer_of_a_service_is_measured():
    metrics = ServerMetrics()
    metrics.request("birds", "ok", 0.02)
    metrics.queue(7)
    metrics.batch(8, 3, 0.1)
    metrics.stage("decode", 0.004)
    metrics.tasks(5, 1000)
    metrics.evicted("birds")
    text = metrics.text().decode()
    for line in (
        'lpt_requests_total{outcome="ok",task="birds"} 1.0',
        "lpt_queue_length 7.0",
        'lpt_batch_images_bucket{le="8.0"} 1.0',
        'lpt_batch_tasks_bucket{le="2.0"} 0.0',
        'lpt_stage_seconds_count{stage="decode"} 1.0',
        "lpt_tasks_resident 5.0",
        "lpt_task_bytes 1000.0",
        'lpt_evictions_total{task="birds"} 1.0',
    ):
        assert line in text
