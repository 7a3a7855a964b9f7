"""The same trigger on S3: a real server that speaks it, through s3fs."""

import json

import boto3
import pytest

from .conftest import until

OBJECTS = 500


@pytest.fixture(scope="module")
def address():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def environment(address):
    """That of a user of the server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture
def s3(address):
    client = boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="contract")  # servers of one process share what they hold
    yield client
    client.close()


def put(s3, key, n):
    s3.put_object(Bucket="contract", Key=key, Body=json.dumps({"n": n}).encode())


def test_each_object_is_run_once_new_ones_too_and_results_are_objects(house, s3):
    for n in range(OBJECTS):
        put(s3, f"in/{n}.json", n)
    house.publish(
        """
        @fn(on="s3://contract/in/*.json")
        def tally(event, context):
            n = event.json()["n"]
            if n % 100 == 0:
                with context.output(f"s3://contract/out/{event.stem}.txt") as path:
                    path.write_text(str(n))
            return [event.path, n]
        """
    )
    runs = house.all_ended("tally", OBJECTS)
    assert {run["state"] for run in runs} == {"succeeded"}
    assert sorted(run["result"][1] for run in runs) == list(range(OBJECTS))
    assert {run["result"][0] for run in runs} == {f"s3://contract/in/{n}.json" for n in range(OBJECTS)}

    put(s3, "in/later.json", 1000)
    put(s3, "in/0.json", 2000)  # a new version of the first
    runs = house.all_ended("tally", OBJECTS + 2)
    assert len(runs) == OBJECTS + 2
    assert {run["result"][1] for run in runs[:2]} == {1000, 2000}

    written = s3.list_objects_v2(Bucket="contract", Prefix="out/")["Contents"]
    assert {item["Key"] for item in written} == {f"out/{name}.txt" for name in (0, 100, 200, 300, 400, "later")}
    audit = house.ok("audit tally --json").json
    assert (audit["observed"], audit["done"], audit["balanced"]) == (OBJECTS + 2, OBJECTS + 2, True)


def test_what_was_given_up_is_an_object_in_the_folder_of_failures(house, s3):
    put(s3, "bad/1.json", 1)
    house.publish(
        """
        @fn(on="s3://contract/bad/*.json", retries=0, on_failure="s3://contract/dead/")
        def refuse(event):
            raise ValueError("no")
        """
    )
    (run,) = house.all_ended("refuse", 1)

    def taken():
        (sent,) = house.ok(f"run {run['id']} --json").json["deliveries"]
        return sent if sent["state"] == "done" else None

    sent = until(taken, "the object")
    assert sent["target"] == "s3://contract/dead/{function}-{run}.json"
    record = json.loads(s3.get_object(Bucket="contract", Key=f"dead/refuse-{run['id']}.json")["Body"].read())
    assert record["requestPayload"]["path"] == "s3://contract/bad/1.json"
    assert record["responsePayload"]["errorMessage"] == "no"
