"""What libraries at the client say is wrong, in their own words; a closed set, because it is a label value."""

#: What libraries at the client find wrong: ObserveRTC's client-monitor-js 4, webrtc-issue-detector 1.17.
CLIENT_ISSUES = (
    "cpulimitation", "congestion", "audio-desync", "dry-inbound-track", "dry-outbound-track", "freezed-video-track",
    "inbound-video-playout-discrepancy", "unstable-ice-path", "ice-disconnected", "ice-connection-failed",
    "ice-transport-stalled", "audio-concealment", "audio-jitter-buffer-stress", "video-decoder-overloaded",
    "keyframe-storm", "video-recovery-failed", "capture-bottleneck", "encoder-bottleneck", "capture-track-ended",
    "silent-audio-source", "stuck-decoder",
    "outbound-network-quality", "inbound-network-quality", "outbound-network-media-latency",
    "inbound-network-media-latency", "network-media-sync-failure", "outbound-network-throughput",
    "inbound-network-throughput", "encoder-cpu-throttling", "decoder-cpu-throttling", "server-issue",
    "unknown-video-decoder", "low-inbound-mean-opinion-score", "low-outbound-mean-opinion-score", "frozen-video-track",
    "missing-video-stream-data", "missing-audio-stream-data",
)  # fmt: skip
