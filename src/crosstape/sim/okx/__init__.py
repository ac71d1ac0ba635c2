"""OKX v5 as the simulator speaks it: with checksum 0, as since June 2026, and with real ones, as before."""

from functools import partial

from crosstape.sim.answer import Answer
from crosstape.sim.dialect import Dialect, Quota
from crosstape.sim.okx.listing import contracts
from crosstape.sim.okx.manners import MANNERS
from crosstape.sim.okx.voice import OkxVoice

REFUSED = Answer(429, b'{"code":"50011","msg":"Too Many Requests","data":[]}')

# They count per path, and connections by 3 a second; the wire between may bunch what was spaced when sent.
OKX = Dialect(
    name="okx",
    contracts=contracts,
    voice=OkxVoice,
    requests=Quota(200, 2.0),
    opens=Quota(6, 1.0),
    refused=REFUSED,
    manners=MANNERS,
)
OKX_CHECKSUMS = Dialect(
    name="okx-checksums",
    contracts=contracts,
    voice=partial(OkxVoice, checksums=True),
    requests=Quota(200, 2.0),
    opens=Quota(6, 1.0),
    refused=REFUSED,
    manners=MANNERS,
)
