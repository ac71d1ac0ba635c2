"""Order flow: self-exciting takers and quote updates, and how busy they must be for a given message rate."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
BRANCHING = 0.55
DECAY_S = 1.5
TRADES_PER_UPDATE = 0.3
BOOK_HZ, TICKER_HZ, TRADE_HZ = 50.0, 10.0, 100.0
QUIET_TICKER_HZ = 0.8
BUSIEST_HZ = 60.0


def expected_messages(updates: F64, load: F64) -> float:
    """Messages a second at these update rates; `load` counts each row's book, trade and ticker topics."""
    trades = updates * TRADES_PER_UPDATE
    clustered = TRADE_HZ * (1 - np.exp(-trades / TRADE_HZ)) * 0.8
    events = updates + trades
    books = BOOK_HZ * (1 - np.exp(-events / BOOK_HZ))
    tickers = TICKER_HZ * (1 - np.exp(-(events * 0.6 + QUIET_TICKER_HZ) / TICKER_HZ))
    return float(np.sum(np.stack((books, clustered, tickers)) * load))


def calibrate(weights: F64, rate: float, load: F64) -> F64:
    """Quote updates a second of each row such that all rows together send about `rate` messages a second."""
    low, high = 1e-12, 1e6
    for _ in range(60):
        middle = np.sqrt(low * high)
        if expected_messages(np.minimum(weights * middle, BUSIEST_HZ), load) < rate:
            low = middle
        else:
            high = middle
    return np.minimum(weights * low, BUSIEST_HZ)


class Flow:
    """Counts of buys, sells and quote updates a row; a trade makes more of its side likely for a second or two."""

    def __init__(self, updates_hz: F64) -> None:
        self.updates_hz = self.usual_hz = updates_hz
        self.excited: F64 = np.zeros((len(updates_hz), 2))

    @property
    def trades_hz(self) -> F64:
        """Mean trades a second of each row, excitation included."""
        return self.updates_hz * TRADES_PER_UPDATE

    def grow(self, updates_hz: float) -> None:
        """Room for one more contract."""
        self.updates_hz = np.append(self.updates_hz, updates_hz)
        self.usual_hz = np.append(self.usual_hz, updates_hz)
        self.excited = np.vstack((self.excited, np.zeros((1, 2))))

    def pace(self, weights: F64, rate: float, load: F64) -> None:
        """Makes the rows that have any load send about `rate` messages a second; the others stay as usual."""
        heard = load.sum(axis=0) > 0
        self.updates_hz = self.usual_hz.copy()
        if heard.any():
            self.updates_hz[heard] = calibrate(weights[heard], rate, load[:, heard])

    def step(self, dt: float, lean: F64, alive: F64, rng: np.random.Generator) -> tuple[I64, I64, I64]:
        """Quote updates, buys and sells of each row in `dt` seconds; `lean` in [-1, 1] favours buys."""
        self.excited *= np.exp(-dt / DECAY_S)
        start = self.trades_hz * (1 - BRANCHING) * 0.5
        tilt = np.stack((1 + 0.6 * lean, 1 - 0.6 * lean), axis=1)
        intensity = (start[:, None] + self.excited) * tilt * alive[:, None]
        takes = rng.poisson(np.minimum(intensity * dt, 40.0))
        updates = rng.poisson(np.minimum(self.updates_hz * alive * dt, 40.0))
        own, other = 0.8 * BRANCHING / DECAY_S, 0.2 * BRANCHING / DECAY_S
        self.excited += takes * own + takes[:, ::-1] * other
        return updates, takes[:, 0], takes[:, 1]
