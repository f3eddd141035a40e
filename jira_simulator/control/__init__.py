"""What no Jira has, for tests and for people who try things out: the control API, and two pages.

POST   /control/sites                       add a site (a SiteSeed)
GET    /control/{site}/issues               everything the site knows about its issues
POST   /control/{site}/faults               switch a fault on (an InjectedFault); answers its id
DELETE /control/{site}/faults[/{id}]        switch one fault, or all of them, off
POST   /control/{site}/index                {"lag": seconds, "hold": true|false, "hide": [keys], "show": [keys],
                                            "hideFor": {key: seconds, after which the issue is found again}}
POST   /control/{site}/clock                {"offset": seconds}
POST   /control/{site}/settings             {"latency": seconds, "uploadLimit": bytes, "attachments": true|false,
                                            "linksCountAsUpdates": …, "textLimit": the most units of UTF-16 of
                                            descriptions and comments (0: no limit), "textLimitMessage": "… {} …",
                                            "seed": number: random choices are repeatable from here on}
POST   /control/{site}/tokens               {"user": name, "token": text}
POST   /control/{site}/permissions          {"user": name, "project": key, "revoke": [names], "grant": [names]}
POST   /control/{site}/users/{user}         {"timeZone": name}
POST   /control/{site}/issues/many          {"project": key, "count": n, "status": name, "summary": "issue {}",
                                            "user": name}: create many issues; answers their keys
POST   /control/{site}/issues/{key}/texts   {"summary": …, "description": …}: nobody checks them, as in an import
POST   /control/{site}/issues/{key}/move    {"project": key}
DELETE /control/{site}/issues/{key}         delete an issue
DELETE /control/{site}/projects/{key}       delete a project with all its issues
GET    /control/{site}/counts               {project key: the number of its issues}; cheap
GET    /control/{site}/deleted              id, key, project and properties of every issue that was deleted
GET    /control/{site}/calls?since=n        the latest calls that reached the site; DELETE forgets them
GET    /control/{site}/calls/summary        {"calls": n, "byEndpoint": {"POST /issue": {"201": n}}}: every call since
                                            they were last forgotten; status 0 is a connection closed without an answer
GET    /                                    a page with all sites and their issues
GET    /{site}/browse/{key}                 a page with one issue; POST makes a transition
"""
