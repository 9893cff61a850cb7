// swift-tools-version: 6.2

import PackageDescription

/// Settings of every target: Swift 6, warnings are errors, imports say who may see them.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A C library from Debian, found through pkg-config.
func systemModule(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name,
        path: "Sources/Shared/\(name)",
        pkgConfig: pkgConfig,
        providers: [.apt([apt])]
    )
}

/// A library under `Sources/Shared`; what it may import is exactly what it names here.
func shared(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/Shared/\(name)",
        swiftSettings: settings
    )
}

/// A test target: one folder per target under `Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: Bool = false) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        path: "Tests/\(name)",
        resources: resources ? [.copy("Fixtures")] : [],
        swiftSettings: settings
    )
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)

let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "crispyx-cluster",
    products: [
        .executable(name: "crispyx-coordinator", targets: ["Coordinator"]),
        .executable(name: "crispyx-worker", targets: ["Worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        systemModule("CHDF5", pkgConfig: "hdf5-serial", apt: "libhdf5-dev"),
        systemModule("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev"),
        systemModule("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        systemModule("CNUMA", pkgConfig: "numa", apt: "libnuma-dev"),
        systemModule("CLAPACK", pkgConfig: "lapacke", apt: "liblapacke-dev"),

        shared("ComputeThreads"),
        shared("Statistics"),
        shared("Digests", ["CXXHash"]),
        shared("CountBlocks", ["Digests"]),
        shared(
            "DifferentialExpression",
            ["ComputeThreads", "CountBlocks", "Digests", "Statistics"]
        ),
        shared("DesignChecks", ["CLAPACK", "Statistics"]),
        shared("HDF5", ["CHDF5", "ComputeThreads"]),
        shared("AnnData", ["CDeflate", "ComputeThreads", "HDF5"]),
        shared("RunFiles", ["Digests", "DifferentialExpression"]),
        shared("Scheduling", ["Digests"]),
        .target(
            name: "WireProtocol",
            dependencies: [nioCore, protobuf],
            path: "Sources/Shared/WireProtocol",
            exclude: ["control.proto"],
            swiftSettings: settings
        ),
        shared("Transport", ["WireProtocol", nioCore, nioPosix, nioSSL, nioTLS]),
        .target(
            name: "Monitoring",
            dependencies: ["Transport", nioCore, nioHTTP1, nioPosix],
            path: "Sources/Shared/Monitoring",
            // The page is part of the program: nothing has to lie beside it.
            resources: [.embedInCode("Resources/status.html")],
            swiftSettings: settings
        ),
        shared("NodeTopology", ["CNUMA"]),
        shared("ChildProcesses"),
        shared("Reporting", [logging]),

        .executableTarget(
            name: "Coordinator",
            dependencies: [
                "AnnData", "ChildProcesses", "ComputeThreads", "CountBlocks", "DesignChecks",
                "DifferentialExpression", "Digests", "Monitoring", "NodeTopology", "Reporting",
                "RunFiles", "Scheduling", "Statistics", "Transport", "WireProtocol", arguments,
                logging, nioCore, yams,
            ],
            path: "Sources/Coordinator",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Worker",
            dependencies: [
                "ChildProcesses", "ComputeThreads", "CountBlocks", "DifferentialExpression",
                "Digests", "NodeTopology", "Reporting", "RunFiles", "Scheduling", "Statistics",
                "Transport", "WireProtocol", arguments, logging, nioCore,
            ],
            path: "Sources/Worker",
            swiftSettings: settings
        ),

        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: settings),
        tests("AnnDataTests", ["AnnData", "CDeflate", "ComputeThreads", "HDF5"], resources: true),
        tests("ChildProcessesTests", ["ChildProcesses"]),
        tests("CLAPACKTests", ["CLAPACK"]),
        tests("ComputeThreadsTests", ["ComputeThreads"]),
        tests(
            "CoordinatorTests",
            [
                "AnnData", "ChildProcesses", "ComputeThreads", "Coordinator", "CountBlocks",
                "DifferentialExpression", "Digests", "HDF5", "Monitoring", "NodeTopology",
                "Scheduling", "Statistics", "TestSupport", "Transport", "WireProtocol", arguments,
                nioCore,
            ]
        ),
        tests("CountBlocksTests", ["CountBlocks", "Digests", "TestSupport"], resources: true),
        tests(
            "DifferentialExpressionTests",
            [
                "ComputeThreads", "CountBlocks", "DifferentialExpression", "Digests",
                "Statistics", "TestSupport",
            ]
        ),
        tests("DesignChecksTests", ["DesignChecks", "Statistics"]),
        tests("DigestsTests", ["Digests"]),
        tests(
            "EndToEndTests",
            [
                "AnnData", "ChildProcesses", "ComputeThreads", "Coordinator", "Digests", "HDF5",
                "Monitoring", "RunFiles", "TestSupport", "WireProtocol", "Worker",
            ]
        ),
        tests("HDF5Tests", ["HDF5"]),
        tests("MonitoringTests", ["Monitoring"]),
        tests("NodeTopologyTests", ["NodeTopology"]),
        tests(
            "ParityTests",
            [
                "AnnData", "ComputeThreads", "CountBlocks", "DifferentialExpression", "HDF5",
                "Statistics",
            ],
            resources: true
        ),
        tests("RunFilesTests", ["Digests", "DifferentialExpression", "RunFiles"]),
        tests("SchedulingTests", ["Digests", "Scheduling"]),
        tests("StatisticsTests", ["Statistics"], resources: true),
        tests(
            "TransportTests",
            ["TestSupport", "Transport", "WireProtocol", nioCore, nioEmbedded, nioPosix]
        ),
        tests("WireProtocolTests", ["TestSupport", "WireProtocol", nioCore, nioEmbedded]),
        tests(
            "WorkerTests",
            [
                "ComputeThreads", "CountBlocks", "DifferentialExpression", "Digests", "Scheduling",
                "Statistics", "TestSupport", "WireProtocol", "Worker", nioCore,
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
