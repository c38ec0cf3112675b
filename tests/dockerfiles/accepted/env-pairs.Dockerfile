FROM scratch
ENV A=1 B="two words" C='$A' D=two\ words E=
ENV F=${A:+yes} G=${B:-no} H=$A-x
