FROM scratch
RUN --mount=from=$A,target=/a true
