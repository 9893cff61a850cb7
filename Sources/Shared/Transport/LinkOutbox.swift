internal import Synchronization
internal import WireProtocol

/// Frames on their way from any thread to the event loop.
final class LinkOutbox: Sendable {
    /// One frame with what sending it changes.
    struct Entry: Sendable {
        let frame: EncodedFrame
        let opensConversation: Bool
        let answersRequest: Bool
    }

    private struct State {
        var entries: [Entry] = []
        var isClosed = false
        var queuedBytes = 0
    }

    private let state = Mutex(State())

    /// Bytes that were added and not yet reported as written.
    var queuedBytes: Int { state.withLock { $0.queuedBytes } }

    /// Adds a frame; true when the event loop has to be told, because nothing was waiting.
    func add(_ entry: Entry) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.entries.append(entry)
            state.queuedBytes += entry.frame.byteCount
            return state.entries.count == 1
        }
    }

    /// Everything that waits, in order.
    func takeAll() -> [Entry] {
        state.withLock { state in
            defer { state.entries = [] }
            return state.entries
        }
    }

    /// Reports that bytes have left, or never will.
    func didWrite(_ bytes: Int) {
        state.withLock { $0.queuedBytes -= bytes }
    }

    /// Takes nothing more; false if it was closed already.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }
}
