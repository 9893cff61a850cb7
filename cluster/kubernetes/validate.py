"""Checks every manifest of a folder against the schemas of several Kubernetes releases, and against
each other: names that one file uses must be made by another.

Unknown fields are errors. Ends with status 1 and a line for each problem."""
import pathlib
import re
import sys

import kubernetes_validate
import yaml

# Words that the schemas leave open, though a server does not.
WORDS = {
    "action": {"FailJob", "FailIndex", "Ignore", "Count"},
    "completionMode": {"Indexed", "NonIndexed"},
    "medium": {"", "Memory"},
    "operator": {"In", "NotIn"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "restartPolicy": {"Never", "OnFailure"},
    "whenUnsatisfiable": {"DoNotSchedule", "ScheduleAnyway"},
}
RELEASES = ["1.29", "1.31", "1.33"]
NOT_API = {"kustomization.yaml"}


def documents(folder):
    for path in sorted(folder.glob("*.yaml")):
        if path.name in NOT_API:
            continue
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            yield f"{path.name}#{number}", document


def pod_of(document):
    return document.get("spec", {}).get("template", {}).get("spec", {})


def unknown_words(place, value, path=""):
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown_words(place, item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in WORDS and isinstance(item, str) and item not in WORDS[key]:
                yield f"{place}: {path}.{key}: {item} is none of {', '.join(sorted(WORDS[key]))}"
            yield from unknown_words(place, item, f"{path}.{key}")


def cross_check(objects, kustomization):
    """What a schema cannot see: names, labels and ports that must agree."""
    made = {(d["kind"], d["metadata"]["name"]) for _, d in objects}
    made |= {("Secret", s["name"]) for s in kustomization.get("secretGenerator", [])}
    images = {image["name"] for image in kustomization.get("images", [])}
    labels = [d["spec"]["template"]["metadata"]["labels"] for _, d in objects if pod_of(d)]
    for place, document in objects:
        yield from unknown_words(place, document)
        pod = pod_of(document)
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for volume in pod.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and ("PersistentVolumeClaim", claim) not in made:
                yield f"{place}: no claim {claim}"
            secret = volume.get("secret", {}).get("secretName")
            if secret and ("Secret", secret) not in made:
                yield f"{place}: no secret {secret}"
        containers = pod.get("initContainers", []) + pod.get("containers", [])
        for container in containers:
            if container["image"] not in images:
                yield f"{place}: image {container['image']} is not set by the kustomization"
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{place}: no volume {mount['name']}"
            for argument in container.get("args", []):
                if argument.startswith("--connect="):
                    service = argument.removeprefix("--connect=").split(":")[0]
                    if ("Service", service) not in made:
                        yield f"{place}: no service {service}"
        if document.get("spec", {}).get("completionMode") == "Indexed":
            yield from wrong_parts(place, document)
        named = {container["name"] for container in pod.get("containers", [])}
        for rule in document.get("spec", {}).get("podFailurePolicy", {}).get("rules", []):
            name = rule.get("onExitCodes", {}).get("containerName")
            if name and name not in named:
                yield f"{place}: no container {name}"
        if document["kind"] == "Service":
            selector = document["spec"]["selector"]
            if not any(selector.items() <= found.items() for found in labels):
                yield f"{place}: selects no pod"


def wrong_parts(place, job):
    """An index of N completions is a part of N."""
    completions = job["spec"]["completions"]
    for container in pod_of(job).get("containers", []):
        for argument in container.get("args", []):
            for count in re.findall(r"JOB_COMPLETION_INDEX/(\d+)", argument):
                if int(count) != completions:
                    yield f"{place}: {completions} completions and parts of {count}"


def main(folder):
    objects = list(documents(folder))
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    problems = []
    for release in RELEASES:
        for place, document in objects:
            try:
                kubernetes_validate.validate(document, release, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(step) for step in error.path)
                problems.append(f"{place}: Kubernetes {release}: {path}: {error.message}")
    listed = set(kustomization["resources"])
    there = {path.name for path in folder.glob("*.yaml")} - NOT_API
    problems += [f"kustomization.yaml: {name} is not there" for name in sorted(listed - there)]
    problems += [f"kustomization.yaml: leaves out {name}" for name in sorted(there - listed)]
    problems += cross_check(objects, kustomization)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(objects)} objects are valid for Kubernetes {', '.join(RELEASES)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
