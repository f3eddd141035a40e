"""Refuses what needs a log file where there is none: in a container, all programs log to standard output.

supervisord itself would remove `/dev/fd/1` for `clear`, after which the program's log is lost until the program starts
again, and would read from a pipe without an end for `tail` and `fg`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from supervisor.http import logtail_handler, mainlogtail_handler
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import Faults, RPCError

ELSEWHERE = "this group logs to standard output; the container's engine has the logs: docker compose logs"
NOT_FOUND = 404


class LogInterface(SupervisorNamespaceRPCInterface):  # type: ignore[misc]
    """supervisord's RPC interface, whose methods about logs have a fault where there is no file."""

    def clearProcessLogs(self, name: str) -> Any:  # noqa: N802 - the shape of an RPC
        """Clear the stdout and stderr logs for the named process and reopen them.

        @param string name   The name of the process (or 'group:name')
        @return boolean result      Always True unless error
        """
        _, process = self._getGroupAndProcess(name)
        if process is not None and not is_file(process.config.stdout_logfile):
            self._refuse("clear", Faults.FAILED)  # supervisorctl knows no other fault here
        return super().clearProcessLogs(name)

    clearProcessLog = clearProcessLogs  # noqa: N815

    def clearLog(self) -> Any:  # noqa: N802
        """Clear the main log.

        @return boolean result always returns True unless error
        """
        self._check_main_log("clear")
        return super().clearLog()

    def readLog(self, offset: int, length: int) -> Any:  # noqa: N802
        """Read length bytes from the main log starting at offset

        @param int offset         offset to start reading from.
        @param int length         number of bytes to read from the log.
        @return string result     Bytes of log
        """
        self._check_main_log("maintail")
        return super().readLog(offset, length)

    readMainLog = readLog  # noqa: N815

    # Both channels and both ways to read them come here.

    def _readProcessLog(self, name: str, offset: int, length: int, channel: str) -> Any:  # noqa: N802
        self._check_log(name)
        return super()._readProcessLog(name, offset, length, channel)

    def _tailProcessLog(self, name: str, offset: int, length: int, channel: str) -> Any:  # noqa: N802
        self._check_log(name)
        return super()._tailProcessLog(name, offset, length, channel)

    def _check_log(self, name: str) -> None:
        _, process = self._getGroupAndProcess(name)
        if process is not None and not is_file(process.config.stdout_logfile):
            self._refuse("tail", Faults.NO_FILE)

    def _check_main_log(self, what: str) -> None:
        if not is_file(self.supervisord.options.logfile):
            self._refuse(what, Faults.NO_FILE)

    def _refuse(self, what: str, fault: int) -> NoReturn:
        self.supervisord.options.logger.warn(f"{what} was refused: {ELSEWHERE}")
        raise RPCError(fault, ELSEWHERE)


def is_file(path: str | None) -> bool:
    """Tell whether a log is a file of its own. `/dev/fd/1` is a stream, whatever standard output leads to."""
    return path is not None and Path(path).parts[:2] != ("/", "dev")


def refuse_to_follow(supervisord: Any) -> None:
    """Have the handlers behind `tail -f` and `fg` answer 404 where there is no file."""
    for _, server in supervisord.options.httpservers:
        for handler in server.handlers:
            if isinstance(handler, logtail_handler | mainlogtail_handler):
                _refuse_without_file(handler, supervisord)


def _refuse_without_file(handler: Any, supervisord: Any) -> None:
    stock = handler.handle_request

    def handle_request(request: Any) -> None:
        # All programs of a group log in the same way.
        if is_file(supervisord.options.logfile):
            stock(request)
        else:
            request.error(NOT_FOUND)

    handler.handle_request = handle_request
