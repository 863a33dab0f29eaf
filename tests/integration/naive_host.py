"""Makes workers that buy as tools without a memory do; see ``naive_worker``."""

from starter.prove.worker_host import main
from tests.integration import naive_worker

assert naive_worker is not None  # its import did the damage

if __name__ == "__main__":
    main()
