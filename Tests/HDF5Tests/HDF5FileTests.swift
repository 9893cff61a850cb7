import Foundation
import HDF5
import Testing

/// A directory that disappears with its owner.
final class ScratchDirectory {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/hdf5-XXXXXX").utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

@Suite("HDF5 files")
struct HDF5FileTests {
    @Test("Attributes of every kind come back as they were written")
    func attributes() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        do {
            let file = try HDF5File(creating: path)
            let group = try file.root.createGroup("g")
            try group.setAttribute("text", "Gène, 'A/B'")
            try group.setAttribute("texts", ["a", "", "ü"])
            try group.setAttribute("none", [String]())
            try group.setAttribute("integer", Int64(-5))
            try group.setAttribute("integers", [3, 4])
            try group.setAttribute("double", 0.25)
            try group.setAttribute("boolean", true)
            try group.setAttribute("text", "replaced")
        }
        let group = try HDF5File(opening: path).root.group("g")
        #expect(try group.attribute("text") == .text("replaced"))
        #expect(try group.attribute("texts") == .texts(["a", "", "ü"]))
        #expect(try group.attribute("none") == .texts([]))
        #expect(try group.attribute("integer") == .integer(-5))
        #expect(try group.integersAttribute("integers") == [3, 4])
        #expect(try group.attribute("double") == .double(0.25))
        #expect(try group.attribute("boolean") == .boolean(true))
        #expect(try group.attribute("absent") == nil)
        #expect(try group.attributeNames().count == 7)
    }

    @Test("A group can carry 8000 names in one attribute")
    func manyNames() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        let names = (0..<8000).map { "column number \($0)" }
        do {
            let group = try HDF5File(creating: path).root.createGroup("g", manyAttributes: true)
            try group.setAttribute("column-order", names)
        }
        let group = try HDF5File(opening: path).root.group("g")
        #expect(try group.attribute("column-order") == .texts(names))
    }

    @Test("Arrays of every number type come back as they were written")
    func numbers() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        do {
            let root = try HDF5File(creating: path).root
            try root.writeNumbers("i1", [Int8.min, 0, .max])
            try root.writeNumbers("i2", [Int16.min, 0, .max])
            try root.writeNumbers("i4", [Int32.min, 0, .max])
            try root.writeNumbers("i8", [Int64.min, 0, .max])
            try root.writeNumbers("u1", [UInt8.max])
            try root.writeNumbers("u2", [UInt16.max])
            try root.writeNumbers("u4", [UInt32.max])
            try root.writeNumbers("u8", [UInt64.max])
            try root.writeNumbers("f4", [Float.pi])
            try root.writeNumbers("f8", [Double.pi, -0.0, .infinity], shape: [3, 1])
            try root.writeNumbers("empty", [Double](), shape: [0])
        }
        let root = try HDF5File(opening: path).root
        #expect(try root.dataset("i1").readAll(Int8.self) == [.min, 0, .max])
        #expect(try root.dataset("i2").readAll(Int16.self) == [.min, 0, .max])
        #expect(try root.dataset("i4").readAll(Int32.self) == [.min, 0, .max])
        #expect(try root.dataset("i8").readAll(Int.self) == [.min, 0, .max])
        #expect(try root.dataset("u1").readAll(UInt8.self) == [.max])
        #expect(try root.dataset("u2").readAll(UInt16.self) == [.max])
        #expect(try root.dataset("u4").readAll(UInt32.self) == [.max])
        #expect(try root.dataset("u8").readAll(UInt64.self) == [.max])
        #expect(try root.dataset("f4").readAll(Float.self) == [.pi])
        let doubles = try root.dataset("f8")
        #expect(try doubles.shape() == [3, 1])
        #expect(try doubles.readAll(Double.self) == [.pi, -0.0, .infinity])
        #expect(doubles.type == .number(.float64, isNative: true))
        #expect(try root.dataset("empty").readAll(Double.self) == [])
        #expect(try root.dataset("i1").readAll(Double.self) == [-128, 0, 127])
    }

    @Test("Texts, booleans and scalars come back as they were written")
    func textsAndScalars() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        let texts = ["", "HLA-A/B", "Gène", String(repeating: "x", count: 300)]
        do {
            let root = try HDF5File(creating: path).root
            try root.writeTexts("texts", texts)
            try root.writeTexts("none", [])
            try root.writeBooleans("booleans", [true, false, true])
            try root.writeScalar("number", 2.5)
            try root.writeScalar("integer", Int32(7))
            try root.writeScalar("text", "hello")
            try root.writeScalar("boolean", true)
        }
        let root = try HDF5File(opening: path).root
        #expect(try root.dataset("texts").readTexts().values == texts)
        #expect(try root.dataset("texts").readTexts(1..<3).values == ["HLA-A/B", "Gène"])
        #expect(try root.dataset("none").readTexts().values == [])
        #expect(try root.dataset("booleans").type == .boolean)
        #expect(try root.dataset("booleans").readAll(Int8.self) == [1, 0, 1])
        #expect(try root.dataset("number").readAll(Double.self) == [2.5])
        #expect(try root.dataset("number").extent() == .scalar)
        #expect(try root.dataset("integer").readAll(Int32.self) == [7])
        #expect(try root.dataset("text").readTexts().values == ["hello"])
        #expect(try root.dataset("boolean").readAll(Int8.self) == [1])
    }

    @Test("Bytes written at a contiguous dataset's offset are its elements")
    func contiguousOffset() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        var offset: UInt64 = 0
        do {
            let file = try HDF5File(creating: path)
            let dataset = try file.root.createContiguous("x", .float64, shape: [2, 3])
            #expect(try dataset.layout() == .contiguous)
            offset = try #require(dataset.fileOffset)
        }
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: offset + 8)
        let values = [1.5, 2.5]
        try handle.write(contentsOf: values.withUnsafeBytes { Data($0) })
        try handle.close()
        let read = try HDF5File(opening: path).root.dataset("x").readAll(Double.self)
        #expect(read == [0, 1.5, 2.5, 0, 0, 0])
    }

    @Test(
        "A chunked dataset grows, and its chunks are read as stored",
        arguments: [HDF5Compression.none, .deflate(level: 1), .shuffledDeflate(level: 4)]
    )
    func chunked(compression: HDF5Compression) throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        do {
            let dataset = try HDF5File(creating: path).root.createChunked(
                "x",
                .int32,
                shape: [0, 2],
                chunk: [4, 2],
                compression: compression
            )
            for part in 0..<3 { try dataset.append([Int32](repeating: Int32(part), count: 6)) }
            try dataset.write([Int32(99)], start: [8, 1], count: [1, 1])
        }
        let dataset = try HDF5File(opening: path).root.dataset("x")
        #expect(try dataset.shape() == [9, 2])
        #expect(try dataset.layout() == .chunked([4, 2]))
        let expected = [Int32](repeating: 0, count: 6) + [Int32](repeating: 1, count: 6)
        #expect(try dataset.readAll(Int32.self) == expected + [2, 2, 2, 2, 2, 99])
        #expect(try dataset.read(Int32.self, start: [2, 0], count: [2, 1]) == [0, 1])
        let ids = try dataset.filters().map(\.id)
        let bytes = try dataset.chunkByteCount(at: [4, 0])
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 8)
        defer { buffer.deallocate() }
        #expect(try dataset.readChunk(at: [4, 0], into: buffer) == 0)
        switch compression {
        case .none:
            #expect(ids == [] && bytes == 32)
            #expect(Array(buffer.bindMemory(to: Int32.self)) == [1, 1, 1, 1, 2, 2, 2, 2])
        case .deflate: #expect(ids == [1])
        case .shuffledDeflate: #expect(ids == [2, 1])
        }
    }

    @Test("Names, kinds and links are told apart")
    func names() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        let root = try HDF5File(creating: path).root
        let group = try root.createGroup("g")
        try group.writeScalar("d", 1.0)
        try root.writeScalar("a", 1.0)
        #expect(try root.names() == ["a", "g"])
        #expect(root.kind(of: "g") == .group)
        #expect(root.kind(of: "g/d") == .dataset)
        #expect(root.kind(of: "g/absent/d") == nil)
        #expect(root.kind(of: "") == nil)
        #expect(root.linkKind("g") == .hard)
        #expect(root.linkKind("absent") == nil)
        #expect(try root.group("g").dataset("d").path == "g/d")
        #expect(group.path == "g" && root.path == "/")
    }

    @Test("Identical content gives identical bytes at any time")
    func reproducible() throws {
        let directory = try ScratchDirectory()
        func write(_ name: String) throws -> Data {
            let path = directory.file(name)
            do {
                let root = try HDF5File(creating: path).root
                let group = try root.createGroup("g")
                try group.setAttribute("a", "b")
                try group.writeNumbers("n", [1.0, 2.0])
                try group.writeTexts("t", ["x", "y"])
                let chunked = try group.createChunked(
                    "c",
                    .uint8,
                    shape: [4],
                    chunk: [2],
                    compression: .deflate(level: 1)
                )
                try chunked.write([UInt8(1), 2, 3, 4], start: [0], count: [4])
            }
            return try Data(contentsOf: URL(filePath: path))
        }
        let first = try write("a.h5")
        // Times in the library's format have a resolution of one second.
        Thread.sleep(forTimeInterval: 1.1)
        #expect(try write("b.h5") == first)
    }

    @Test("A file with open datasets is not closed silently")
    func stillOpen() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("a.h5")
        let file = try HDF5File(creating: path)
        var dataset: HDF5Dataset? = try file.root.writeScalar("x", 1.0)
        #expect(file.openObjectCount == 1)
        #expect(throws: HDF5Error.stillOpen(file: path, objects: 1)) { try file.close() }
        #expect(dataset != nil)
        dataset = nil
        #expect(file.openObjectCount == 0)
        try file.close()
        try file.close()
        #expect(throws: HDF5Error.self) { try file.root }
    }

    @Test("Failures carry the library's reason")
    func failures() throws {
        let directory = try ScratchDirectory()
        let path = directory.file("absent.h5")
        let opening = #expect(throws: HDF5Error.self) { try HDF5File(opening: path) }
        #expect(opening?.description.contains("No such file") == true)
        let file = try HDF5File(creating: directory.file("a.h5"))
        #expect(throws: HDF5Error.self) { try HDF5File(creating: directory.file("a.h5")) }
        let missing = #expect(throws: HDF5Error.self) { try file.root.dataset("x") }
        #expect(missing?.libraryMessage?.contains("doesn't exist") == true)
        try file.root.writeTexts("t", ["a"])
        let texts = try file.root.dataset("t")
        let wrong = #expect(throws: HDF5Error.self) { try texts.readAll(Double.self) }
        #expect(wrong?.description.contains("t in \(file.path) has type text, need") == true)
        try file.root.writeNumbers("n", [1.0, 2.0])
        let numbers = try file.root.dataset("n")
        #expect(throws: HDF5Error.self) { try numbers.readTexts() }
        #expect(throws: HDF5Error.self) { try numbers.read(Double.self, start: [1], count: [2]) }
        #expect(throws: HDF5Error.self) {
            try numbers.read(Double.self, start: [0, 0], count: [1, 1])
        }
        #expect(try numbers.readAll(Double.self) == [1, 2], "a failure leaves the file usable")
    }

    @Test("Many threads may use files at once")
    func manyThreads() async throws {
        let directory = try ScratchDirectory()
        let paths = (0..<8).map { directory.file("\($0).h5") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, path) in paths.enumerated() {
                group.addTask {
                    let root = try HDF5File(creating: path).root
                    for part in 0..<20 { try root.writeNumbers("n\(part)", [index, part]) }
                }
            }
            try await group.waitForAll()
        }
        for (index, path) in paths.enumerated() {
            let root = try HDF5File(opening: path).root
            #expect(try root.names().count == 20)
            #expect(try root.dataset("n7").readAll(Int.self) == [index, 7])
        }
    }

    @Test("Work may be nested, and its errors and values come back")
    func perform() throws {
        struct Failure: Error, Equatable {}
        #expect(HDF5Thread.perform { HDF5Thread.perform { 42 } } == 42)
        #expect(throws: Failure()) {
            try HDF5Thread.perform { () throws(Failure) -> Int in throw Failure() }
        }
        #expect(HDF5File.hasFilter(1) && !HDF5File.hasFilter(32_000_000))
        #expect(HDF5File.libraryVersion.split(separator: ".").count == 3)
    }

    @Test(
        "A record is as long as the library allows, and the library allows no more",
        arguments: [
            HDF5FieldElement.number(.float32), .number(.float64), .number(.int32),
            .fixedText(bytes: 20), .variableText,
        ],
        [1, 7, 8, 15, 16]
    )
    func longestRecord(element: HDF5FieldElement, nameLength: Int) throws {
        func fields(_ count: Int) -> [String] {
            (0..<count).map { index in
                let name = String(index, radix: 36)
                return String(repeating: "_", count: max(0, nameLength - name.count)) + name
            }
        }
        let fitting = (1...2000).last { count in
            HDF5Records.descriptionByteCount(fields: fields(count), element)
                <= HDF5Records.largestDescription
        }
        let count = try #require(fitting)
        let directory = try ScratchDirectory()
        let file = try HDF5File(creating: directory.file("r.h5"))
        let dataset = try file.root.createRecords("a", fields: fields(count), element, count: 3)
        #expect(dataset.storageByteCount == UInt64(3 * count * element.storedByteCount))
        #expect(dataset.fileOffset != nil)
        #expect(throws: HDF5Error.self) {
            try file.root.createRecords("b", fields: fields(count + 1), element, count: 3)
        }
    }
}
