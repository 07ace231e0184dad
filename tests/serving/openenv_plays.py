"""Run by OpenEnv's interpreter: its own client plays an episode. Arguments: URL, task, actions as JSON; prints JSON."""

import json
import sys

from openenv.core.generic_client import GenericEnvClient

url, task, actions = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with GenericEnvClient(base_url=url).sync() as client:
    begun = client.reset(task=task, episode_id="theirs")
    results = [client.step({"command": action}) for action in actions]
    state = client.state()
    try:
        client.step({"command": "look"})
    except RuntimeError as error:
        refused = str(error)
json.dump(
    {
        "first": begun.observation,
        "rewards": [r.reward for r in results],
        "done": [r.done for r in results],
        "metadata": results[-1].metadata,
        "state": state,
        "refused": refused,
    },
    sys.stdout,
)
