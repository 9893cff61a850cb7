import Digests
import NIOCore
import Scheduling
import Testing
import WireProtocol
import Worker

@Suite("Fetching resources in chunks")
struct ResourceFetcherTests {
    private static let chunkBytes = 1 << 20
    private static let window = 8

    /// Bytes that differ from chunk to chunk and from resource to resource.
    private static func content(_ count: Int, seed: Int = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 20) &* 7 &+ seed) }
    }

    private static func demand(_ name: String, _ bytes: [UInt8]) -> ResourceDemand {
        ResourceDemand(
            name: name,
            bytes: UInt64(bytes.count),
            digest: bytes.withUnsafeBytes { Digest128(of: $0) }
        )
    }

    private static func answer(_ request: ResourceRequest, _ whole: [UInt8]) -> ResourceChunk {
        let offset = Int(request.offset)
        return ResourceChunk(
            request: request.request,
            offset: request.offset,
            payload: ByteBuffer(bytes: whole[offset..<offset + Int(request.length)])
        )
    }

    /// Whether a chunk is one that nobody asked for, and leads to nothing.
    private static func isIgnored(_ chunk: ResourceChunk, by fetcher: inout ResourceFetcher) -> Bool
    {
        let (outcome, requests) = fetcher.receive(chunk)
        return outcome == .unexpected && requests.isEmpty
    }

    @Test("requests cover a resource from beginning to end, one for each part of 1 MiB")
    func parts() throws {
        let bytes = Self.content(2 * Self.chunkBytes + 5)
        var fetcher = ResourceFetcher()
        let requests = fetcher.begin(Self.demand("control-cache", bytes))
        #expect(requests.map(\.offset) == [0, 1 << 20, 2 << 20])
        #expect(requests.map(\.length) == [1 << 20, 1 << 20, 5])
        #expect(requests.allSatisfy { $0.name == "control-cache" })
        #expect(Set(requests.map(\.request)).count == 3)
        for (position, request) in requests.enumerated() {
            #expect(fetcher.bytes("control-cache") == nil)
            let (outcome, more) = fetcher.receive(Self.answer(request, bytes))
            #expect(outcome == (position == 2 ? .complete("control-cache") : .incomplete))
            #expect(more.isEmpty)
        }
        #expect(fetcher.bytes("control-cache") == bytes)
        fetcher.release("control-cache")
        #expect(fetcher.bytes("control-cache") == nil)
    }

    @Test("chunks may come in any order", arguments: [[2, 1, 0], [1, 2, 0], [2, 0, 1]])
    func anyOrder(order: [Int]) {
        let bytes = Self.content(2 * Self.chunkBytes + 77)
        var fetcher = ResourceFetcher()
        let requests = fetcher.begin(Self.demand("size-factors", bytes))
        let outcomes = order.map { fetcher.receive(Self.answer(requests[$0], bytes)).0 }
        #expect(outcomes == [.incomplete, .incomplete, .complete("size-factors")])
        #expect(fetcher.bytes("size-factors") == bytes)
    }

    @Test("no more than 8 requests are unanswered, however many resources wait")
    func window() throws {
        let contents = (0..<30).map {
            Self.content($0 % 5 == 4 ? 3 * Self.chunkBytes : 9, seed: $0)
        }
        var fetcher = ResourceFetcher()
        var pending: [ResourceRequest] = []
        for (index, bytes) in contents.enumerated() {
            pending += fetcher.begin(Self.demand("r/\(index)", bytes))
            #expect(pending.count <= Self.window)
        }
        #expect(pending.count == Self.window)
        var completed: [String] = []
        var asked = pending
        var turn = 0
        while !pending.isEmpty {
            turn += 1
            let request = pending.remove(at: turn * 5 % pending.count)
            let index = try #require(Int(request.name.dropFirst(2)))
            let (outcome, more) = fetcher.receive(Self.answer(request, contents[index]))
            if case .complete(let name) = outcome { completed.append(name) }
            pending += more
            asked += more
            #expect(pending.count <= Self.window)
            // As long as something waits, the window stays full.
            #expect(asked.count == 42 || pending.count == Self.window)
        }
        #expect(asked.count == 24 + 6 * 3)
        #expect(Set(asked.map(\.request)).count == asked.count)
        #expect(Set(completed) == Set((0..<30).map { "r/\($0)" }) && completed.count == 30)
        for (index, bytes) in contents.enumerated() {
            #expect(fetcher.bytes("r/\(index)") == bytes)
        }
        // First come, first served: parts are asked for in the order of the resources.
        let order = asked.compactMap { Int($0.name.dropFirst(2)) }
        #expect(order == order.sorted())
    }

    @Test("a chunk that answers no request changes nothing")
    func unexpected() throws {
        let bytes = Self.content(100)
        var fetcher = ResourceFetcher()
        let stray = ResourceChunk(request: 1, offset: 0, payload: ByteBuffer(bytes: bytes))
        #expect(Self.isIgnored(stray, by: &fetcher))
        let request = try #require(fetcher.begin(Self.demand("a", bytes)).first)
        var unknown = Self.answer(request, bytes)
        unknown.request += 1
        #expect(Self.isIgnored(unknown, by: &fetcher))
        #expect(fetcher.receive(Self.answer(request, bytes)).0 == .complete("a"))
        #expect(Self.isIgnored(Self.answer(request, bytes), by: &fetcher), "answered twice")
        #expect(fetcher.bytes("a") == bytes)
    }

    @Test("a chunk of another length or place is not taken for the answer")
    func wrongShape() throws {
        let bytes = Self.content(100)
        for wrong in [0..<99, 0..<0, 1..<100] {
            var fetcher = ResourceFetcher()
            let request = try #require(fetcher.begin(Self.demand("a", bytes)).first)
            let chunk = ResourceChunk(
                request: request.request,
                offset: 0,
                payload: ByteBuffer(bytes: bytes[wrong])
            )
            #expect(Self.isIgnored(chunk, by: &fetcher))
            #expect(fetcher.bytes("a") == nil)
        }
        for offset: UInt64 in [1, UInt64(Int.max), .max] {
            var fetcher = ResourceFetcher()
            let request = try #require(fetcher.begin(Self.demand("a", bytes)).first)
            var chunk = Self.answer(request, bytes)
            chunk.offset = offset
            #expect(Self.isIgnored(chunk, by: &fetcher))
            #expect(fetcher.bytes("a") == nil)
        }
        var longer = ResourceFetcher()
        let request = try #require(longer.begin(Self.demand("a", bytes)).first)
        let chunk = ResourceChunk(
            request: request.request,
            offset: 0,
            payload: ByteBuffer(bytes: bytes + [0])
        )
        #expect(Self.isIgnored(chunk, by: &longer))
    }

    @Test("bytes that differ from the digest are damaged, and are not kept")
    func damaged() throws {
        let bytes = Self.content(1000)
        for position in [0, 500, 999] {
            var fetcher = ResourceFetcher()
            let request = try #require(fetcher.begin(Self.demand("size-factors", bytes)).first)
            var wrong = bytes
            wrong[position] ^= 1
            #expect(fetcher.receive(Self.answer(request, wrong)).0 == .damaged("size-factors"))
            #expect(fetcher.bytes("size-factors") == nil)
            // It can be fetched once more.
            let again = try #require(fetcher.begin(Self.demand("size-factors", bytes)).first)
            #expect(again.request != request.request)
            #expect(fetcher.receive(Self.answer(again, bytes)).0 == .complete("size-factors"))
        }
    }

    @Test("the digest of a block is left to whoever decodes it")
    func blocks() throws {
        let bytes = Self.content(50)
        let demand = ResourceDemand(
            name: "block/3",
            bytes: 50,
            digest: Digest128(high: 1, low: 2)
        )
        var fetcher = ResourceFetcher()
        let request = try #require(fetcher.begin(demand).first)
        #expect(fetcher.receive(Self.answer(request, bytes)).0 == .complete("block/3"))
        #expect(fetcher.bytes("block/3") == bytes)
    }

    @Test("nothing is asked for an empty resource, and those behind it are not held up")
    func empty() throws {
        var fetcher = ResourceFetcher()
        let bytes = Self.content(10)
        #expect(fetcher.begin(Self.demand("empty", [])).isEmpty)
        let request = try #require(fetcher.begin(Self.demand("a", bytes)).first)
        #expect(request.name == "a")
        #expect(fetcher.begin(Self.demand("nothing", [])).isEmpty)
        #expect(fetcher.receive(Self.answer(request, bytes)).0 == .complete("a"))
    }

    @Test("a resource that the coordinator does not have is given up, and its place is used")
    func missing() throws {
        var fetcher = ResourceFetcher()
        let large = Self.content(20 * Self.chunkBytes)
        let small = Self.content(10)
        let requests = fetcher.begin(Self.demand("large", large))
        #expect(requests.count == Self.window)
        #expect(fetcher.begin(Self.demand("small", small)).isEmpty)
        let (name, more) = fetcher.missing(requests[0].request)
        #expect(name == "large")
        // The rest of it is no longer asked for: the free place goes to the next resource.
        try #require(more.map(\.name) == ["small"])
        // What still comes of it is neither kept nor a breach of the protocol.
        let (outcome, further) = fetcher.receive(Self.answer(requests[1], large))
        #expect(outcome == .incomplete)
        #expect(further.isEmpty)
        let answer = try Self.answer(#require(more.first), small)
        #expect(fetcher.receive(answer).0 == .complete("small"))
        #expect(fetcher.bytes("large") == nil)
    }

    @Test("a request that is not known, or was answered, misses nothing")
    func missingUnknown() throws {
        var fetcher = ResourceFetcher()
        let bytes = Self.content(10)
        #expect(fetcher.missing(1).0 == nil)
        let request = try #require(fetcher.begin(Self.demand("a", bytes)).first)
        #expect(fetcher.receive(Self.answer(request, bytes)).0 == .complete("a"))
        #expect(fetcher.missing(request.request).0 == nil)
        #expect(fetcher.bytes("a") == bytes)
    }
}
