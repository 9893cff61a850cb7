package import ChildProcesses
package import Scheduling

/// Decides when the worker of each machine is started, and when a machine is given up.
///
/// Machines do not wait for each other. One that fails is tried again after a growing pause, a
/// bounded number of times; one whose worker left in order or can never work is not.
package struct HostStarts: Sendable {
    /// What the end of a machine's worker means.
    package enum Verdict: Equatable, Sendable {
        /// It is started again after so many seconds.
        case again(afterSeconds: Double)
        /// It left in order.
        case left
        /// It is not started again.
        case givenUp(String)
    }

    private enum State: Equatable, Sendable {
        case waiting(until: Instant)
        case running(since: Instant)
        case over
    }

    private struct Host: Sendable {
        var state: State
        var failuresInARow = 0
        var starts = 0
    }

    /// Failures in a row after which a machine is given up.
    package static let mostFailures = 5
    /// Starts after which a machine is given up, however long its workers lived.
    package static let mostStarts = 50
    /// Machines started at once, so that hundreds do not all log in in the same moment.
    package static let startsPerCall = 16
    /// A worker that lived so long was not one that cannot work.
    private static let longLifeSeconds = 60.0

    private var hosts: [Host]

    /// Machines that are all to be started now.
    package init(hostCount: Int, now: Instant) {
        hosts = Array(repeating: Host(state: .waiting(until: now)), count: hostCount)
    }

    /// Whether no machine runs a worker or will.
    package var isOver: Bool { hosts.allSatisfy { $0.state == .over } }

    /// The machines to start now, which are taken to be started.
    package mutating func due(now: Instant) -> [Int] {
        var due: [Int] = []
        for index in hosts.indices where due.count < Self.startsPerCall {
            guard case .waiting(let until) = hosts[index].state, until <= now else { continue }
            hosts[index].state = .running(since: now)
            hosts[index].starts += 1
            due.append(index)
        }
        return due
    }

    /// Takes in how the worker of a machine, or the `ssh` in front of it, ended.
    package mutating func ended(_ index: Int, _ status: ExitStatus, now: Instant) -> Verdict {
        guard case .running(let since) = hosts[index].state else { return .left }
        let lived = now.seconds(since: since)
        hosts[index].failuresInARow =
            lived >= Self.longLifeSeconds ? 1 : hosts[index].failuresInARow + 1
        hosts[index].state = .over
        if status == .exited(code: 0) { return .left }
        if let reason = Self.finalReason(status) { return .givenUp(reason) }
        let failures = hosts[index].failuresInARow
        guard failures < Self.mostFailures, hosts[index].starts < Self.mostStarts else {
            return .givenUp("\(hosts[index].starts) starts were in vain")
        }
        let pause = Double(1 << failures)
        hosts[index].state = .waiting(until: now + .milliseconds(Int64(pause * 1000)))
        return .again(afterSeconds: pause)
    }

    /// Why another attempt would end the same way; nil when it may not.
    private static func finalReason(_ status: ExitStatus) -> String? {
        switch status {
        case .exited(code: 126), .exited(code: 127):
            "the worker program is not there; name its path with worker= in the hosts file"
        case .exited(code: 64): "the worker does not understand its options; is it another version?"
        case .exited(code: 77): "the coordinator refused the worker; is it another version?"
        default: nil
        }
    }

    /// What an exit status of `ssh` or of the worker behind it says.
    package static func meaning(of status: ExitStatus) -> String {
        switch status {
        case .exited(code: 255): "ssh cannot connect, or lost the connection"
        case .exited(code: 69): "the worker reached no coordinator"
        case .exited(code: 75): "the worker lost the coordinator"
        case .exited(code: 70): "the worker failed"
        default: "\(status)"
        }
    }
}
