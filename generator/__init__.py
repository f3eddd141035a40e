"""From a folder of configurations to a running process group: definitions, plan, text, disk, supervisord."""
