"""What the README says of error and speed, measured: each module with a `main` is run by `python -m`."""

from token_approx.stages.extras import end_without

end_without("train", but={})
