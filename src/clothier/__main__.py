"""The command ``clothier``, ``python -m clothier``, and ``torchrun -m clothier``."""

# The built-in part: importing signal takes longer than the rest of this module.
import _signal as signal  # type: ignore[import-not-found]
import sys

INTERRUPTED = 130  # exit code


def main() -> int:
    """Runs the command line of this process; returns the exit code.

    Until the modules are loaded, Ctrl-C ends the process at once, as it does other programs, without a traceback.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from clothier.cli.main import main as run_command_line

    signal.signal(signal.SIGINT, handler)
    code = run_command_line()
    if code == INTERRUPTED:
        # If the interrupt met Python code that C code runs, as PyTorch does, Python would end itself by SIGINT.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return code


if __name__ == "__main__":
    sys.exit(main())
