"""Syncs of every kind, for hypothesis: what stands in the file beside name and projects."""

from __future__ import annotations

from hypothesis import strategies as st

STATUSES = ["Will Do", "Done", "Closed"]
RULES = st.fixed_dictionaries(
    {
        "sourceStatus": st.lists(st.sampled_from([*STATUSES, "*"]), min_size=1, max_size=2),
        "syncDirection": st.sampled_from(["user_to_dev", "dev_to_user", "both", "none"]),
        "enabled": st.booleans(),
        "conditions": st.fixed_dictionaries({}, optional={"requireMapping": st.booleans()}),
        "actions": st.fixed_dictionaries(
            {},
            optional={
                "createIssue": st.booleans(),
                "syncStatus": st.booleans(),
                "targetStatus": st.sampled_from(["Resolved", "done"]),
                "syncAttachments": st.booleans(),
                "addCrossLink": st.booleans(),
                "addComment": st.booleans(),
                "commentOn": st.sampled_from(["user", "dev"]),
                "issueType": st.sampled_from(["Bug", "Task"]),
            },
        ),
    }
)
SYNCS = st.fixed_dictionaries(
    {
        "rules": st.lists(RULES, max_size=3),
        "defaultBehavior": st.fixed_dictionaries(
            {
                "syncAttachments": st.booleans(),
                "addCrossLinks": st.booleans(),
                "fallbackBehavior": st.sampled_from(["ignore", "default_to_closed"]),
            }
        ),
        "attachments": st.none()
        | st.booleans()
        | st.fixed_dictionaries({"syncDirection": st.sampled_from(["user_to_dev", "dev_to_user"])}),
        "onDelete": st.sampled_from(["keep", "comment", "transition"]),
        "onDeleteStatus": st.just("Cancelled"),
    }
)
