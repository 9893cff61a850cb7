/// The version of the wire that this build speaks.
package enum ProtocolVersion {
    /// Both ends must have the same one; it changes when an old peer would misread a message.
    package static let major: UInt32 = 1
    /// Additions that an older peer may ignore; the lower one of both ends is in force.
    ///
    /// 1: taking work back, cancelling copies, offering rows again, ending a process.
    package static let minor: UInt32 = 1
}

/// Names the build, because only workers of the coordinator's own build give the same bytes.
package enum BuildIdentity {
    /// The release of this source.
    package static let release = "0.1.0"

    /// Release, compiler and architecture, such as `0.1.0 swift-6.3 x86_64`.
    package static let current = "\(release) \(compiler) \(architecture)"

    #if compiler(>=6.6)
    private static let compiler = "swift-6.6-or-later"
    #elseif compiler(>=6.5)
    private static let compiler = "swift-6.5"
    #elseif compiler(>=6.4)
    private static let compiler = "swift-6.4"
    #elseif compiler(>=6.3)
    private static let compiler = "swift-6.3"
    #else
    private static let compiler = "swift-6.2"
    #endif

    #if arch(x86_64)
    private static let architecture = "x86_64"
    #elseif arch(arm64)
    private static let architecture = "arm64"
    #else
    private static let architecture = "other"
    #endif
}
