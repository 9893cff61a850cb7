import Digests
import NIOCore
package import Scheduling
package import WireProtocol

/// Fetches whole resources as chunks, a few requests ahead, and checks their digests.
package struct ResourceFetcher {
    /// What a chunk led to.
    package enum Outcome: Equatable, Sendable {
        /// More chunks are to come.
        case incomplete
        /// All bytes are there and their digest is right.
        case complete(String)
        /// All bytes are there, but they are not what was announced.
        case damaged(String)
        /// The chunk answers no request.
        case unexpected
    }

    private struct Fetch {
        let demand: ResourceDemand
        var bytes: [UInt8]
        var requested = 0
        var received = 0
    }

    private static let chunkBytes = 1 << 20
    /// Requests unanswered at any time; the coordinator allows 16.
    private static let requestsAhead = 8

    private var fetches: [String: Fetch] = [:]
    private var nameOfRequest: [UInt64: (name: String, offset: Int, length: Int)] = [:]
    private var nextRequest: UInt64 = 1
    /// Requests whose answers are of no use any more.
    private var abandoned: Set<UInt64> = []
    /// Resources with parts that were not asked for yet, first come first served.
    private var waiting: [String] = []
    private var complete: [String: [UInt8]] = [:]

    /// Makes a fetcher that has nothing to fetch.
    package init() {}

    /// Begins to fetch a resource.
    ///
    /// - Returns: Requests to send; none for an empty resource, for which nothing
    ///   has to come.
    package mutating func begin(_ demand: ResourceDemand) -> [ResourceRequest] {
        fetches[demand.name] = Fetch(
            demand: demand,
            bytes: [UInt8](repeating: 0, count: Int(demand.bytes))
        )
        waiting.append(demand.name)
        return moreRequests()
    }

    /// Takes in a chunk.
    ///
    /// - Returns: What it led to, and further requests to send.
    package mutating func receive(_ chunk: ResourceChunk) -> (Outcome, [ResourceRequest]) {
        if abandoned.remove(chunk.request) != nil { return (.incomplete, moreRequests()) }
        guard let request = nameOfRequest.removeValue(forKey: chunk.request),
            request.offset == Int(clamping: chunk.offset),
            request.length == chunk.payload.readableBytes,
            fetches[request.name] != nil
        else { return (.unexpected, []) }
        fetches[request.name]?.bytes.replaceSubrange(
            request.offset..<request.offset + request.length,
            with: chunk.payload.readableBytesView
        )
        fetches[request.name]?.received += request.length
        guard let fetch = fetches[request.name], fetch.received == fetch.bytes.count else {
            return (.incomplete, moreRequests())
        }
        fetches[request.name] = nil
        if !Self.isBlock(request.name) {
            let digest = fetch.bytes.withUnsafeBytes { Digest128(of: $0) }
            guard digest.high == fetch.demand.digest.high, digest.low == fetch.demand.digest.low
            else { return (.damaged(request.name), moreRequests()) }
        }
        complete[request.name] = fetch.bytes
        return (.complete(request.name), moreRequests())
    }

    /// Whether a resource is a block of cells.
    ///
    /// A block's digest covers its segments' digests and is checked while it is decoded.
    private static func isBlock(_ name: String) -> Bool {
        name.hasPrefix("block/") || ControlPiece(resource: name) != nil
    }

    /// Gives up the fetch that a request belonged to.
    ///
    /// - Returns: The resource's name, nil when the request is not known, and further requests.
    package mutating func missing(_ request: UInt64) -> (String?, [ResourceRequest]) {
        abandoned.remove(request)
        guard let name = nameOfRequest.removeValue(forKey: request)?.name else { return (nil, []) }
        fetches[name] = nil
        // Parts of it that still come belong to nothing: a new fetch asks for all parts anew.
        abandoned.formUnion(nameOfRequest.filter { $0.value.name == name }.keys)
        nameOfRequest = nameOfRequest.filter { $0.value.name != name }
        return (name, moreRequests())
    }

    /// The bytes of a complete resource; nil for any other and for an empty one.
    package func bytes(_ name: String) -> [UInt8]? { complete[name] }

    /// Takes in a resource that came by another way.
    package mutating func provide(_ name: String, _ bytes: [UInt8]) { complete[name] = bytes }

    /// Forgets a resource.
    package mutating func release(_ name: String) { complete[name] = nil }

    /// Asks for the next parts as far as the window allows.
    private mutating func moreRequests() -> [ResourceRequest] {
        var requests: [ResourceRequest] = []
        while nameOfRequest.count < Self.requestsAhead, let name = waiting.first {
            guard let fetch = fetches[name], fetch.requested < fetch.bytes.count else {
                waiting.removeFirst()
                continue
            }
            let length = min(Self.chunkBytes, fetch.bytes.count - fetch.requested)
            requests.append(
                ResourceRequest(
                    request: nextRequest,
                    name: name,
                    offset: UInt64(fetch.requested),
                    length: UInt32(length)
                )
            )
            nameOfRequest[nextRequest] = (name, fetch.requested, length)
            nextRequest += 1
            fetches[name]?.requested += length
        }
        return requests
    }
}
