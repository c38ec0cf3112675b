FROM scratch AS made
RUN --mount=type=cache,target=/c,sharing=locked --mount=type=secret,id=k,required --mount=type=bind,source=a,target=/m true
FROM scratch AS check
